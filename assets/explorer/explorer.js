// The explorer: GraphiQL with a bar for the token and ready example tabs. Nothing that opens the register outlives the browser tab.
"use strict";

(async () => {
  const ENDPOINT = "/graphql";
  const SUBSCRIPTIONS = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql/ws`;
  const NEW_TAB = "# Ctrl-Space completes, Ctrl-Enter runs. The book on the left is the whole API.\n\n";

  const explorer = document.getElementById("explorer");
  const bar = document.getElementById("bar");
  const statusLine = document.getElementById("status");
  const roleField = document.getElementById("role-field");
  const rolePicker = document.getElementById("role");
  const tokenField = document.getElementById("token");
  const showToken = document.getElementById("show-token");
  const restoreExamples = document.getElementById("restore");

  const session = storageOrNull("sessionStorage");
  const storage = withoutHeaders(storageOrNull("localStorage"));
  const [settings, examples] = await Promise.all([loadSettings(), loadExamples()]);

  // The demo's roles come before a kept token: each start of the demo signs with a new key, so yesterday's token is dead.
  let token = settings.tokens[session?.getItem("samregister.role")] ?? session?.getItem("samregister.token") ?? settings.token ?? "";
  // The Authorization of GraphiQL's own header editor, which wins over the bar.
  let editorAuthorization = "";
  let edition = 0;
  let fetcher = makeFetcher();

  const root = ReactDOM.createRoot(explorer);
  new MutationObserver(nameEditors).observe(explorer, { childList: true, subtree: true });
  fillRolePicker();
  tokenField.value = token;
  useToken(token);

  tokenField.addEventListener("input", later(400, () => useToken(tokenField.value)));
  tokenField.addEventListener("change", () => useToken(tokenField.value));
  rolePicker.addEventListener("change", () => {
    tokenField.value = settings.tokens[rolePicker.value] ?? "";
    useToken(tokenField.value);
  });
  showToken.addEventListener("click", () => {
    const masked = tokenField.classList.toggle("masked");
    showToken.setAttribute("aria-pressed", String(!masked));
    showToken.textContent = masked ? "Show" : "Hide";
  });
  restoreExamples.addEventListener("click", () => {
    if (!confirm("Close the open tabs and open the examples afresh? Your history stays.")) return;
    for (const key of ["tabState", "query", "variables"]) storage?.removeItem(`graphiql:${key}`);
    edition += 1;
    render();
  });

  function render() {
    const mayLoadSchema = token !== "" || editorAuthorization !== "";
    root.render(
      React.createElement(
        GraphiQL,
        {
          key: edition,
          fetcher,
          // null: don't ask. undefined: ask now, and again whenever the fetcher is a new one.
          schema: mayLoadSchema ? undefined : null,
          storage,
          defaultTabs: examples,
          defaultQuery: NEW_TAB,
          // On, it would write tokens to localStorage; false also hides its switch.
          shouldPersistHeaders: false,
          defaultEditorToolsVisibility: "variables",
          onEditHeaders,
        },
        React.createElement(GraphiQL.Logo, null, "GraphiQL"),
      ),
    );
  }

  // ---------------------------------------------------------------- the token

  function useToken(text) {
    const given = text.replace(/^\s*Bearer\s+/i, "").replace(/\s+/g, "");
    const repeated = given === token && bar.dataset.state !== "starting";
    if (repeated) return;
    token = given;
    const role = Object.keys(settings.tokens).find((name) => settings.tokens[name] === token);
    rolePicker.value = role ?? "";
    keep("samregister.role", role);
    keep("samregister.token", role ? undefined : token);
    fetcher = makeFetcher();
    if (token === "") askForToken();
    render();
  }

  function askForToken() {
    if (roleField.hidden) {
      say("waiting", "A token is needed. Make one with ", code("samregister token --role OFFICE"), " and paste it here.");
    } else {
      say("waiting", "A token is needed: choose a role.");
    }
  }

  function keep(key, value) {
    if (value) session?.setItem(key, value);
    else session?.removeItem(key);
  }

  function fillRolePicker() {
    const roles = Object.keys(settings.tokens);
    roleField.hidden = roles.length === 0;
    rolePicker.replaceChildren(...roles.map((role) => new Option(role, role)), new Option("another token", ""));
  }

  // GraphiQL calls this for every keystroke, and with "" when a tab without headers is opened.
  function onEditHeaders(text) {
    onEditHeaders.settled ??= later(800, (latest) => {
      const found = authorizationIn(latest);
      if (found === "" || found === editorAuthorization) return;
      editorAuthorization = found;
      fetcher = makeFetcher();
      render();
    });
    onEditHeaders.settled(text);
  }

  function authorizationIn(text) {
    try {
      return lowerCased(JSON.parse(text)).authorization ?? "";
    } catch {
      return "";
    }
  }

  // What a token says of itself, for the reader only: the server is the one to judge it.
  function describe(authorization) {
    try {
      const payload = authorization.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
      const until = claims.exp ? `valid until ${new Date(claims.exp * 1000).toLocaleString("sv-SE").slice(0, 16)}` : "";
      return [[].concat(claims.roles ?? []).join(", "), until].filter(Boolean).join(" · ");
    } catch {
      return "";
    }
  }

  // ---------------------------------------------------------------- asking the server

  // A new function for each token: that is what makes GraphiQL load the schema again.
  function makeFetcher() {
    const mine = token;
    const subscribe = GraphiQL.createFetcher({ url: ENDPOINT, subscriptionUrl: SUBSCRIPTIONS });
    return async (request, options = {}) => {
      const headers = { ...(mine && { authorization: `Bearer ${mine}` }), ...lowerCased(options.headers) };
      if (request.operationName === "IntrospectionQuery") return loadSchema(request, headers, mine);
      if (isSubscription(options.documentAST, request.operationName)) return subscribe(request, { ...options, headers });
      return post(request, headers);
    };
  }

  async function loadSchema(request, headers, mine) {
    say("loading", "Loading the schema …");
    const answer = await post(request, headers);
    const outdated = mine !== token;
    if (answer.data?.__schema) {
      if (!outdated) say("ready", ["Ready", describe(headers.authorization ?? "")].filter(Boolean).join(" · "));
      return answer;
    }
    const { message, extensions } = answer.errors?.[0] ?? { message: "the server sent no schema" };
    if (!outdated) say("refused", extensions?.code === "UNAUTHENTICATED" ? `The token was not accepted: ${message}` : `No schema: ${message}`);
    // Thrown, so that GraphiQL doesn't ask a second time; without the stack, which it would print.
    throw Object.assign(new Error(message), { stack: undefined });
  }

  async function post(request, headers) {
    try {
      const sent = new Headers({ ...headers, "content-type": "application/json", accept: "application/json" });
      const response = await fetch(ENDPOINT, { method: "POST", headers: sent, body: JSON.stringify(request) }).catch(() => {
        throw new Error("the server does not answer");
      });
      const text = await response.text();
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`the server answered ${response.status} ${response.statusText}, and not with JSON: ${text.slice(0, 200)}`);
      }
    } catch (error) {
      return { errors: [{ message: error.message }] };
    }
  }

  function isSubscription(document, name) {
    const operations = document?.definitions.filter((definition) => definition.kind === "OperationDefinition") ?? [];
    return operations.some(({ operation, name: its }) => operation === "subscription" && (!name || its?.value === name));
  }

  function lowerCased(headers) {
    return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]));
  }

  // ---------------------------------------------------------------- what the page starts from

  async function loadSettings() {
    try {
      const { token = null, tokens } = await (await fetch("/graphiql/settings.json", { cache: "no-store" })).json();
      return { token, tokens: tokens ?? {} };
    } catch {
      return { token: null, tokens: {} };
    }
  }

  async function loadExamples() {
    const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Stockholm" }).format();
    const year = Number(today.slice(0, 4));
    const variables = {
      ActivityCoverage: { year },
      MemberView: { year, next: year + 1 },
      RevenueByActivityAndYear: { from: `${year - 2}-01-01`, to: today },
    };
    try {
      const response = await fetch("/graphiql/examples.graphql");
      const parts = response.ok ? (await response.text()).split(/\r?\n\s*\n(?=#)/) : [];
      const tabs = parts.flatMap((query) => {
        const name = /^(?:query|subscription) (\w+)/m.exec(query)?.[1];
        return name ? [{ query: `${query.trim()}\n`, variables: variables[name] ? JSON.stringify(variables[name], null, 2) : "" }] : [];
      });
      return tabs.length > 0 ? tabs : undefined;
    } catch {
      return undefined;
    }
  }

  // ---------------------------------------------------------------- what the browser may remember

  function storageOrNull(name) {
    try {
      window[name].getItem("samregister");
      return window[name];
    } catch {
      return null; // a browser that forbids it throws
    }
  }

  // GraphiQL's memory under our own prefix, since localhost is shared by many projects, and without headers: its history would
  // keep the token of every request.
  function withoutHeaders(local) {
    if (!local) return null;
    const prefix = "samregister:";
    const ours = () => Object.keys(local).filter((key) => key.startsWith(prefix));
    const store = {
      getItem: (key) => local.getItem(prefix + key),
      removeItem: (key) => local.removeItem(prefix + key),
      setItem(key, value) {
        if (key === "graphiql:headers") return;
        const absent = key === "graphiql:tabState" ? null : undefined;
        const holdsHeaders = ["graphiql:tabState", "graphiql:queries", "graphiql:favorites"].includes(key);
        const kept = holdsHeaders ? JSON.stringify(JSON.parse(value, (name, inner) => (name === "headers" ? absent : inner))) : value;
        local.setItem(prefix + key, kept);
      },
      clear: () => ours().forEach((key) => local.removeItem(key)),
      get length() {
        return ours().length;
      },
    };
    findActiveTabAgain(store);
    return store;
  }

  // GraphiQL looks for the tab that was open by its text; when it finds none it adds an empty one at each reload.
  function findActiveTabAgain(store) {
    let tab;
    try {
      const { tabs, activeTabIndex } = JSON.parse(store.getItem("graphiql:tabState"));
      tab = tabs[activeTabIndex];
    } catch {
      tab = undefined; // nothing kept yet, or not ours
    }
    for (const part of ["query", "variables"]) {
      if (tab?.[part]) store.setItem(`graphiql:${part}`, tab[part]);
      else store.removeItem(`graphiql:${part}`);
    }
  }

  // ---------------------------------------------------------------- small things

  // The editors come one by one, and nameless: a screen reader would say "edit text" four times.
  function nameEditors() {
    const names = [
      [".graphiql-query-editor textarea", "Query"],
      [".graphiql-editor-tool > :nth-child(1) textarea", "Variables, as JSON"],
      [".graphiql-editor-tool > :nth-child(2) textarea", "Headers, as JSON"],
      [".result-window textarea", "Answer"],
    ];
    for (const [selector, name] of names) {
      const editor = explorer.querySelector(`${selector}:not([aria-label])`);
      editor?.setAttribute("aria-label", name);
    }
  }

  function say(state, ...parts) {
    bar.dataset.state = state;
    statusLine.replaceChildren(...parts);
  }

  function code(text) {
    return Object.assign(document.createElement("code"), { textContent: text });
  }

  function later(milliseconds, act) {
    let timer;
    return (...given) => {
      clearTimeout(timer);
      timer = setTimeout(act, milliseconds, ...given);
    };
  }
})();
