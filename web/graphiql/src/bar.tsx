import { type FormEvent, useState } from "react";
import type { Grant, Language, Person } from "./hub";
import type { View } from "./page";
import { roleName, type Words } from "./words";

type BarProps = {
  words: Words;
  language: Language;
  view: View;
  person: Person | null;
  held: string[];
  acting: string | null;
  grants: Grant[];
  signIn: (username: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
  show: (view: View) => void;
  speak: (language: Language) => void;
  act: (role: string) => void;
};

/** The top bar: the views, the sign-in form or who is signed in, and the language. */
export function Bar({ words, language, view, person, show, speak, ...rest }: BarProps) {
  return (
    <header className="bar">
      <h1>{words.title}</h1>
      <nav aria-label={words.views}>
        {(["query", "workbook"] as const).map((name) => (
          <button
            key={name}
            type="button"
            className="tab"
            aria-current={view === name ? "page" : undefined}
            onClick={() => show(name)}
          >
            {words[name]}
          </button>
        ))}
      </nav>
      {person ? <SignedIn {...{ words, language, person, ...rest }} /> : <SignInForm {...{ words, ...rest }} />}
      <button
        type="button"
        className="plain"
        lang={language === "zh" ? "en" : "zh-CN"}
        onClick={() => speak(language === "zh" ? "en" : "zh")}
      >
        {words.language}
      </button>
    </header>
  );
}

function SignInForm({ words, signIn }: Pick<BarProps, "words" | "signIn">) {
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    await signIn(String(fields.get("username")), String(fields.get("password")));
    setBusy(false);
  }

  return (
    <form className="person" onSubmit={submit} method="post" aria-busy={busy}>
      <label>
        {words.username}
        <input name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
      </label>
      <label>
        {words.password}
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit" className="primary" disabled={busy}>
        {busy ? words.signingIn : words.signIn}
      </button>
    </form>
  );
}

type SignedInProps = Omit<BarProps, "view" | "show" | "speak" | "signIn" | "person"> & { person: Person };

function SignedIn({ words, language, person, held, acting, grants, signOut, act }: SignedInProps) {
  const places = grants.map((grant) => grant.placeName).join("、");
  return (
    <div className="person">
      <strong>{person.name}</strong>
      {held.length > 1 ? (
        <label>
          {words.role}
          <select value={acting ?? ""} onChange={(event) => act(event.target.value)}>
            {held.map((key) => (
              <option key={key} value={key}>
                {roleName(key, language)}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <span>{roleName(acting ?? "", language)}</span>
      )}
      <span className="place" title={places}>
        {places}
      </span>
      <button type="button" onClick={signOut}>
        {words.signOut}
      </button>
    </div>
  );
}
