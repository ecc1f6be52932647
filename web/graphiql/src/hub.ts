/** What the page asks of the hub: GraphQL, an upload, a template. Every address is on the page's own origin. */

export type Language = "zh" | "en";
export type Caller = { token: string | null; role: string | null; language: Language };

export type Grant = { role: string; root: string; placeName: string; placeCode: string };
/** Who is signed in; `can` holds the rights of the role acted in, as object:verb. */
export type Person = { name: string; username: string; roles: Grant[]; can: string[] };

type Fault = { message: string; extensions?: { code?: string; remedy?: string } };
export type Answer = { data?: Record<string, unknown> | null; errors?: Fault[] };

/** A refusal of the hub, or no answer at all (then the code is UNREACHABLE). */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

export function refusal(fault: Fault): Refusal {
  return new Refusal(fault.message, fault.extensions?.code ?? "", fault.extensions?.remedy ?? "");
}

/** Who asks, how and in which language, as HTTP's headers and a WebSocket's first message say it. */
export function headers({ token, role, language }: Caller): Record<string, string> {
  return {
    Accept: "application/json",
    "Accept-Language": language === "zh" ? "zh-CN" : "en",
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
    ...(token && role ? { "Hub-Role": role } : {}),
  };
}

async function send(path: string, options: RequestInit, language: Language): Promise<Response> {
  try {
    return await fetch(path, { ...options, credentials: "omit" });
  } catch {
    throw language === "zh"
      ? new Refusal("无法连接服务器。", "UNREACHABLE", "请检查网络后重试。")
      : new Refusal("The hub cannot be reached.", "UNREACHABLE", "Check the network and try again.");
  }
}

async function json(response: Response, language: Language): Promise<Answer> {
  try {
    return (await response.json()) as Answer;
  } catch {
    const message =
      language === "zh"
        ? `服务器的答复无法读取（HTTP ${response.status}）。`
        : `The answer of the hub could not be read (HTTP ${response.status}).`;
    return { errors: [{ message, extensions: { code: "UNREADABLE" } }] };
  }
}

/** Send a GraphQL request and hand back the answer as it is, errors included. */
export async function request(caller: Caller, body: object): Promise<Answer> {
  const options = {
    method: "POST",
    headers: { ...headers(caller), "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return json(await send("/graphql", options, caller.language), caller.language);
}

/** Send a GraphQL request and hand back its data. Throws the first error as a Refusal. */
export async function ask<T>(caller: Caller, query: string, variables: object = {}): Promise<T> {
  const answer = await request(caller, { query, variables });
  if (answer.errors?.[0]) throw refusal(answer.errors[0]);
  return answer.data as T;
}

/** Store a file and hand back its id. Throws a Refusal if the file was saved anew after it was chosen. */
export async function upload(caller: Caller, file: File): Promise<string> {
  const body = new FormData();
  body.append("file", await content(file, caller.language), file.name);
  const response = await send("/files", { method: "POST", headers: headers(caller), body }, caller.language);
  const answer = (await json(response, caller.language)) as Answer & { id?: string };
  if (answer.errors?.[0] || !answer.id) throw refusal(answer.errors?.[0] ?? { message: `HTTP ${response.status}` });
  return answer.id;
}

// A browser refuses a file that has changed on disk, and the request would fail as if the network were down.
async function content(file: File, language: Language): Promise<Blob> {
  try {
    return new Blob([await file.arrayBuffer()], { type: file.type });
  } catch {
    throw language === "zh"
      ? new Refusal("所选文件在选择之后被修改、移动或删除了。", "FILE_CHANGED", "请重新选择该文件，再上传。")
      : new Refusal("The file was changed, moved or deleted after it was chosen.", "FILE_CHANGED", "Choose it again.");
  }
}

/** Fetch the workbook template of a school and let the browser save it. */
export function saveTemplate(caller: Caller, school: string): Promise<void> {
  return save(caller, `/template?school=${encodeURIComponent(school)}`, `${school}.xlsx`);
}

/** Fetch an import's workbook with every mistake marked in its cell and let the browser save it. */
export async function saveReturn(caller: Caller, id: string, name: string): Promise<void> {
  const { importReturn } = await ask<{ importReturn: { url: string } }>(caller, RETURN, { id });
  const { pathname, search } = new URL(importReturn.url, location.origin);
  return save(caller, pathname + search, name);
}

async function save(caller: Caller, path: string, name: string): Promise<void> {
  const response = await send(path, { headers: headers(caller) }, caller.language);
  if (!response.ok) {
    const answer = await json(response, caller.language);
    throw refusal(answer.errors?.[0] ?? { message: `HTTP ${response.status}` });
  }
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export const SIGN_IN = `mutation SignIn($username: String!, $password: String!) {
  signIn(input: {username: $username, password: $password}) {
    token
  }
}`;

export const SIGN_OUT = "mutation SignOut { signOut { ok } }";

export const VIEWER = "query Viewer { viewer { name username roles { role root placeName placeCode } can } }";

export const IMPORT = `mutation Import($input: ImportWorkbookInput!) {
  importWorkbook(input: $input) {
    import { id state total created updated unchanged rejected }
    faults { ...Told }
    warnings { ...Told }
  }
}
fragment Told on RowFault { row column header code value message remedy suggestions }`;

export const RETURN = "query Return($id: ID!) { importReturn(id: $id) { url } }";
