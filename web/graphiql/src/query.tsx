import { useEditorContext, useSchemaStore } from "@graphiql/react";
import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { getOperationAST, OperationTypeNode } from "graphql";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type Example, offered } from "./examples";
import { type Answer, type Caller, type Grant, type Language, type Person, Refusal, request } from "./hub";
import { follow } from "./live";
import { editor } from "./session";
import type { Words } from "./words";

type QueryProps = {
  words: Words;
  language: Language;
  caller: Caller;
  person: Person | null;
  grant: Grant | undefined;
  hidden: boolean;
  expire: () => void;
};

/** The GraphiQL editor, asking as the person signed in. */
export function Query({ words, language, caller, person, grant, hidden, expire }: QueryProps) {
  const [chosen, setChosen] = useState<Example | null>(null);
  const examples = offered(person, grant);
  const latest = useRef(caller);
  useLayoutEffect(() => {
    latest.current = caller;
  }, [caller]);

  // One fetcher for good: the editor reads the whole schema again whenever it is given a new one.
  const fetcher: Fetcher = useMemo(() => {
    const checked = (found: Answer) => {
      if (latest.current.token && found.errors?.[0]?.extensions?.code === "UNAUTHENTICATED") expire();
      return found;
    };
    const answer = async (params: FetcherParams, options?: FetcherOpts) => {
      if (subscribes(params, options)) return follow(latest.current, params, checked);
      try {
        return checked(await request(latest.current, params));
      } catch (problem) {
        const { message, code, remedy } = problem as Refusal;
        return { errors: [{ message, extensions: { code, remedy } }] };
      }
    };
    return answer as Fetcher;
  }, [expire]);

  return (
    <section className="view query" hidden={hidden} aria-label={words.query}>
      <GraphiQL
        fetcher={fetcher}
        schema={caller.token ? undefined : null}
        storage={editor}
        defaultQuery={words.welcome}
        defaultEditorToolsVisibility="variables"
        isHeadersEditorEnabled={false}
        shouldPersistHeaders={false}
        forcedTheme="light"
      >
        <GraphiQL.Logo>
          <label>
            {words.examples}
            <select
              value=""
              disabled={!person}
              onChange={(event) => setChosen(examples.find(({ key }) => key === event.target.value) ?? null)}
            >
              <option value="">{person ? words.choose : words.signedOutHint}</option>
              {examples.map((example) => (
                <option key={example.key} value={example.key}>
                  {example[language]}
                </option>
              ))}
            </select>
          </label>
        </GraphiQL.Logo>
        <Schema caller={caller} />
        <Placed example={chosen} grant={grant} done={() => setChosen(null)} />
      </GraphiQL>
    </section>
  );
}

/** Reads the schema again when the person acts in another role. Sign-in and sign-out the editor sees by itself. */
function Schema({ caller }: { caller: Caller }) {
  const introspect = useSchemaStore((store) => store.introspect);
  useEffect(() => {
    if (caller.token && caller.role) void introspect();
  }, [caller.role]);
  return null;
}

function subscribes({ operationName }: FetcherParams, options?: FetcherOpts): boolean {
  const chosen = options?.documentAST && getOperationAST(options.documentAST, operationName);
  return chosen?.operation === OperationTypeNode.SUBSCRIPTION;
}

type PlacedProps = { example: Example | null; grant: Grant | undefined; done: () => void };

/** Puts a chosen example into the editor: in this tab if it holds nothing but comments, else in a new one. */
function Placed({ example, grant, done }: PlacedProps) {
  const { queryEditor, variableEditor, addTab, activeTabIndex } = useEditorContext({ nonNull: true });
  const [waiting, setWaiting] = useState<Example | null>(null);

  useEffect(() => {
    if (!example || !queryEditor) return;
    const typed = queryEditor.getValue().replace(/^\s*#.*$/gm, "").trim();
    if (typed) addTab();
    setWaiting(example);
    done();
  }, [example, queryEditor]);

  useEffect(() => {
    if (!waiting || !grant) return;
    const variables = waiting.variables(grant) ?? {};
    queryEditor?.setValue(waiting.query);
    variableEditor?.setValue(Object.keys(variables).length ? JSON.stringify(variables, null, 2) : "");
    queryEditor?.focus();
    setWaiting(null);
  }, [waiting, activeTabIndex]);

  return null;
}
