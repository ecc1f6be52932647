/** What this tab remembers. All of it but the language ends with the tab: office machines are shared. */

import type { Grant, Language } from "./hub";

const TOKEN = "hub:token";
const ROLE = "hub:role";
const LANGUAGE = "hub:language";
const EDITOR = "graphiql:";

export const token = {
  read: () => sessionStorage.getItem(TOKEN),
  keep: (value: string) => sessionStorage.setItem(TOKEN, value),
};

export const role = {
  read: () => sessionStorage.getItem(ROLE),
  keep: (value: string) => sessionStorage.setItem(ROLE, value),
};

export const language = {
  read: (): Language => (localStorage.getItem(LANGUAGE) === "en" ? "en" : "zh"),
  keep: (value: Language) => localStorage.setItem(LANGUAGE, value),
};

/** Forget the sign-in, keeping what stands in the editor. */
export function forget(): void {
  sessionStorage.removeItem(TOKEN);
  sessionStorage.removeItem(ROLE);
}

/** Forget everything, so that the next person at this machine finds no query, variable or answer. */
export function end(): void {
  editor.open = false;
  sessionStorage.clear();
  location.reload();
}

/** The editor's storage: queries and variables may name children, so it lives in the tab only. */
export const editor = {
  open: true, // the editor saves with a delay: nothing may be written after the end
  getItem: (key: string) => sessionStorage.getItem(key),
  setItem(key: string, value: string) {
    if (this.open) sessionStorage.setItem(key, value);
  },
  removeItem: (key: string) => sessionStorage.removeItem(key),
  clear() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(EDITOR)) sessionStorage.removeItem(key);
  },
  get length() {
    return sessionStorage.length;
  },
};

/** The code of the school a grant is rooted in, or "" if it is rooted above. */
export function schoolCode(grant: Grant | undefined): string {
  return grant?.root.split(".")[1] ?? "";
}

/** The code of the place a grant is rooted at, or that its school belongs to. */
export function regionCode(grant: Grant | undefined): string {
  return grant?.root.split(".")[0] ?? "";
}

/** The number of the class a grant is rooted at, or "" if it is rooted above. */
export function classNumber(grant: Grant | undefined): string {
  return grant?.root.split(".")[2] ?? "";
}
