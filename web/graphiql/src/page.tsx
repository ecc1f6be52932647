import { useCallback, useEffect, useMemo, useState } from "react";
import { Bar } from "./bar";
import { ask, type Caller, type Language, type Person, Refusal, SIGN_IN, SIGN_OUT, VIEWER } from "./hub";
import { Query } from "./query";
import * as session from "./session";
import { WORDS } from "./words";
import { Workbook } from "./workbook";

export type View = "query" | "workbook";
type Notice = { message: string; remedy: string };

/** The whole page: who is signed in, which view is open, and what went wrong last. */
export function Page() {
  const [language, setLanguage] = useState<Language>(session.language.read);
  const [token, setToken] = useState(session.token.read);
  const [role, setRole] = useState(session.role.read);
  const [person, setPerson] = useState<Person | null>(null);
  const [view, setView] = useState<View>("query");
  const [notice, setNotice] = useState<Notice | null>(null);
  const words = WORDS[language];

  const held = useMemo(() => [...new Set(person?.roles.map((grant) => grant.role))], [person]);
  const acting = role && held.includes(role) ? role : (held[0] ?? null);
  const grants = person?.roles.filter((grant) => grant.role === acting) ?? [];
  const caller: Caller = useMemo(
    () => ({ token, role: held.length > 1 ? acting : null, language }),
    [token, held, acting, language],
  );

  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = words.title;
  }, [language, words]);

  const tell = useCallback((problem: unknown) => {
    const { message, remedy = "" } = problem as Refusal;
    setNotice({ message, remedy });
  }, []);

  const expire = useCallback(() => {
    session.forget();
    setToken(null);
    setPerson(null);
    setNotice({ message: WORDS[session.language.read()].expired, remedy: "" });
  }, []);

  const meet = useCallback(async (token: string, role: string | null) => {
    const { viewer } = await ask<{ viewer: Person }>({ token, role, language: session.language.read() }, VIEWER);
    setPerson(viewer);
    setToken(token);
  }, []);

  useEffect(() => {
    if (!token || person) return;
    meet(token, role).catch((problem) => (problem.code === "UNAUTHENTICATED" ? expire() : tell(problem)));
  }, []); // once, on opening the page: a reload keeps the sign-in

  async function signIn(username: string, password: string) {
    setNotice(null);
    try {
      const caller = { token: null, role: null, language };
      const { signIn } = await ask<{ signIn: { token: string } }>(caller, SIGN_IN, { username, password });
      session.token.keep(signIn.token);
      await meet(signIn.token, null);
    } catch (problem) {
      tell(problem);
    }
  }

  async function signOut() {
    await ask(caller, SIGN_OUT).catch(() => undefined); // an ended session is signed out already
    session.end();
  }

  return (
    <>
      <Bar
        {...{ words, language, view, person, held, acting, grants, signIn, signOut }}
        show={setView}
        speak={(next) => {
          session.language.keep(next);
          setLanguage(next);
        }}
        act={(next) => {
          session.role.keep(next);
          setRole(next);
          if (token) meet(token, next).catch(tell);
        }}
      />
      <div role="alert" className="alert-place">
        {notice && (
          <div className="alert">
            <span>
              <strong>{notice.message}</strong> {notice.remedy}
            </span>
            <button type="button" className="plain" aria-label={words.close} onClick={() => setNotice(null)}>
              ×
            </button>
          </div>
        )}
      </div>
      <main>
        <Query {...{ words, language, caller, person, expire }} hidden={view !== "query"} grant={grants[0]} />
        <Workbook
          key={`${person?.username} ${acting}`}
          {...{ words, caller, person, expire }}
          hidden={view !== "workbook"}
          grant={grants[0]}
        />
      </main>
    </>
  );
}
