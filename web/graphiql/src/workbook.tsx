import { type FormEvent, useEffect, useRef, useState } from "react";
import { ask, type Caller, type Grant, IMPORT, type Person, Refusal, saveReturn, saveTemplate, upload } from "./hub";
import { schoolCode } from "./session";
import type { Words } from "./words";

type Fault = {
  row: number;
  column: string;
  header: string;
  code: string;
  value: string | null;
  message: string;
  remedy: string;
  suggestions: string[];
};
type Counts = { total: number; created: number; updated: number; unchanged: number; rejected: number };
type Outcome = { import: Counts & { id: string; state: string }; faults: Fault[]; warnings: Fault[] };
type WorkbookProps = {
  words: Words;
  caller: Caller;
  person: Person | null;
  grant: Grant | undefined;
  hidden: boolean;
  expire: () => void;
};

const SHOWN = 1_000;
const IMPORTING = "student:import";
const COUNTS = ["total", "created", "updated", "unchanged", "rejected"] as const;

/** The upload view: fetch the template, send the filled workbook, read what became of every row. */
export function Workbook({ words, caller, person, grant, hidden, expire }: WorkbookProps) {
  const [school, setSchool] = useState(schoolCode(grant));
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<{ message: string; remedy: string } | null>(null);
  const [outcome, setOutcome] = useState<(Outcome & { file: string }) | null>(null);
  const allowed = person?.can.includes(IMPORTING) ?? false;
  const picker = useRef<HTMLInputElement>(null);

  async function work(doing: string, deed: () => Promise<void>) {
    setProblem(null);
    setBusy(doing);
    try {
      await deed();
    } catch (refused) {
      const { message, code, remedy = "" } = refused as Refusal;
      if (code === "UNAUTHENTICATED") expire();
      else setProblem({ message, remedy });
    }
    setBusy("");
  }

  function fetchTemplate() {
    if (!school.trim()) return setProblem({ message: words.needSchool, remedy: "" });
    return work(words.templating, () => saveTemplate(caller, school.trim()));
  }

  function fetchReturn({ file, import: { id } }: Outcome & { file: string }) {
    return work(words.marking, () => saveReturn(caller, id, `${file.replace(/\.[^.]*$/, "")}-${id.replace(":", "-")}.xlsx`));
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const file = picker.current?.files?.[0];
    if (!school.trim()) return setProblem({ message: words.needSchool, remedy: "" });
    if (!file) return setProblem({ message: words.needFile, remedy: "" });
    setOutcome(null);
    return work(words.uploading, async () => {
      const fileId = await upload(caller, file);
      setBusy(words.importing);
      const input = { fileId, schoolCode: school.trim() };
      const { importWorkbook } = await ask<{ importWorkbook: Outcome }>(caller, IMPORT, { input });
      setOutcome({ ...importWorkbook, file: file.name });
    });
  }

  return (
    <section className="view workbook" hidden={hidden} aria-labelledby="workbook-heading">
      <div className="sheet">
        <h2 id="workbook-heading">{words.workbook}</h2>
        <p className="intro">{words.intro}</p>
        <form onSubmit={submit} noValidate aria-busy={busy !== ""}>
          <label>
            {words.school}
            <input
              value={school}
              onChange={(event) => setSchool(event.target.value)}
              inputMode="numeric"
              maxLength={20}
              autoComplete="off"
            />
          </label>
          <button type="button" onClick={fetchTemplate} disabled={!allowed || busy !== ""}>
            {words.template}
          </button>
          <label>
            {words.file}
            <input ref={picker} type="file" accept=".xlsx,.csv" disabled={!allowed} />
          </label>
          <button type="submit" className="primary" disabled={!allowed || busy !== ""}>
            {words.upload}
          </button>
        </form>
        <p role="status" className="status">
          {busy ? (
            <>
              <span className="spinner" aria-hidden="true" /> {busy}
            </>
          ) : (
            !allowed && (person ? words.notAllowed : words.signedOutHint)
          )}
        </p>
        <div role="alert">
          {problem && (
            <p className="alert">
              <span>
                <strong>{problem.message}</strong> {problem.remedy}
              </span>
            </p>
          )}
        </div>
        {outcome && (
          <Result words={words} outcome={outcome} busy={busy !== ""} fetchReturn={() => fetchReturn(outcome)} />
        )}
      </div>
    </section>
  );
}

type ResultProps = { words: Words; outcome: Outcome & { file: string }; busy: boolean; fetchReturn: () => void };

function Result({ words, outcome, busy, fetchReturn }: ResultProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { faults, warnings, file } = outcome;
  const clean = outcome.import.state === "APPLIED" && faults.length === 0;
  useEffect(() => heading.current?.focus(), [outcome]);

  return (
    <div className="result">
      <div className="result-head">
        <h3 ref={heading} tabIndex={-1}>
          {words.result}
        </h3>
        <span className="file">
          {file} · {outcome.import.id}
        </span>
        {faults.length + warnings.length > 0 && (
          <button type="button" onClick={fetchReturn} disabled={busy}>
            {words.marked}
          </button>
        )}
        <button type="button" onClick={() => window.print()}>
          {words.print}
        </button>
      </div>
      <dl className="counts">
        {COUNTS.map((name) => (
          <div key={name} className={name === "rejected" && outcome.import.rejected > 0 ? "bad" : undefined}>
            <dt>{words[name]}</dt>
            <dd>{outcome.import[name]}</dd>
          </div>
        ))}
      </dl>
      <p className={clean ? "clean" : "verdict"}>{clean ? words.clean : words.verdict(outcome.import.state)}</p>
      {faults.length > 0 && <Faults words={words} title={words.faults} faults={faults} />}
      {warnings.length > 0 && <Faults words={words} title={words.warnings} faults={warnings} />}
    </div>
  );
}

function Faults({ words, title, faults }: { words: Words; title: string; faults: Fault[] }) {
  return (
    <>
      {faults.length > SHOWN && <p>{words.shown(SHOWN, faults.length)}</p>}
      <table>
        <caption>
          {title} ({faults.length})
        </caption>
        <thead>
          <tr>
            {(["row", "column", "header", "value", "message", "remedy"] as const).map((name) => (
              <th key={name} scope="col" className={name}>
                {words[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {faults.slice(0, SHOWN).map((fault, index) => (
            <tr key={index}>
              <th scope="row">{fault.row}</th>
              <td>{fault.column}</td>
              <td className="header">{fault.header}</td>
              <td className="value">{fault.value ?? <i>{words.blank}</i>}</td>
              <td>{fault.message}</td>
              <td>
                {fault.remedy}
                {fault.suggestions.length > 0 && (
                  <span className="meant">
                    {words.meant} {fault.suggestions.join("、")}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
