import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "./page.css";
import { Page } from "./page";

createRoot(document.getElementById("page")!).render(<Page />);
