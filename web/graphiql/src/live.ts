/** Following a subscription by WebSocket, in the protocol graphql-transport-ws: a connection for each. */

import { type Answer, type Caller, headers } from "./hub";

type Message = { type: string; payload?: unknown };

const SIGNED_OUT = 4401;

/** The answers of a subscription as they come, each seen by `check`; ending the iteration ends the connection at once. */
export function follow(
  caller: Caller,
  asked: object,
  check: (answer: Answer) => Answer,
): AsyncIterableIterator<Answer> {
  const socket = new WebSocket(new URL("/graphql", location.href.replace(/^http/, "ws")), "graphql-transport-ws");
  const answers = hear(socket, caller, asked);
  return {
    async next() {
      const { done, value } = await answers.next();
      return done ? { done, value } : { done, value: check(value) };
    },
    return() {
      socket.close(1000);
      return answers.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* hear(socket: WebSocket, caller: Caller, asked: object): AsyncGenerator<Answer, undefined> {
  const heard: Message[] = [];
  let wake = () => {};
  const note = (message: Message) => {
    heard.push(message);
    wake();
  };
  const say = (message: object) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ type: "connection_init", payload: headers(caller) });
  socket.onmessage = ({ data }) => note(JSON.parse(data as string) as Message);
  socket.onclose = ({ code, reason }) => note({ type: "closed", payload: [ended(caller, code, reason)] });
  try {
    for (;;) {
      while (!heard.length) await new Promise<void>((resolve) => (wake = resolve));
      const { type, payload } = heard.shift()!;
      if (type === "connection_ack") say({ id: "1", type: "subscribe", payload: asked });
      else if (type === "ping") say({ type: "pong" });
      else if (type === "next") yield payload as Answer;
      else if (type === "complete") return;
      else if (type === "error" || type === "closed") {
        yield { errors: payload as Answer["errors"] };
        return;
      }
    }
  } finally {
    socket.close(1000);
  }
}

function ended({ language }: Caller, code: number, reason: string) {
  const why = [code, reason].filter(Boolean).join(" ");
  const message = language === "zh" ? `连接已断开（${why}）。` : `The connection has ended (${why}).`;
  return { message, extensions: { code: code === SIGNED_OUT ? "UNAUTHENTICATED" : "UNREACHABLE" } };
}
