// The frame around all screens, and which screen it is.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { whenUnauthorised, told } from "./api/client";
import type { Instance } from "./api/types";
import { Age, Failure, Loading } from "./parts/basic";
import { announce, spoken } from "./parts/announce";
import { plural } from "./parts/text";
import { route, to } from "./route";
import { InstancesScreen } from "./screens/instances/list";
import { instances, instancesAt, locked, refresh, session, unreachable } from "./state";
import { Who } from "./screens/who";

const NAV = [
  ["instances", "Instances"], ["integrations", "Integrations"], ["schemas", "Schemas"], ["events", "Events"], ["system", "System"],
] as const;

/** A screen that is loaded when it is first opened. */
function later(load: () => Promise<ComponentType>): ComponentType {
  let loaded: ComponentType | null = null;
  return () => {
    const [, again] = useState(0);
    const [error, setError] = useState<string | null>(null);
    useEffect(() => {
      if (!loaded) load().then((screen) => { loaded = screen; again(1); }, (why) => setError(told(why)));
    }, []);
    const Screen = loaded;
    if (error) return <Failure error={`This part of the page could not be loaded: ${error}`} onAgain={() => location.reload()} />;
    return Screen ? <Screen /> : <Loading what="the page" />;
  };
}

const SCREENS: Record<string, ComponentType> = {
  instances: InstancesScreen,
  setup: later(() => import("./screens/setup/setup").then((m) => m.SetupScreen)),
  integrations: later(() => import("./screens/system/integrations").then((m) => m.IntegrationsScreen)),
  schemas: later(() => import("./screens/system/schemas").then((m) => m.SchemasScreen)),
  events: later(() => import("./screens/system/events").then((m) => m.EventsScreen)),
  system: later(() => import("./screens/system/system").then((m) => m.SystemScreen)),
  login: later(() => import("./screens/system/login").then((m) => m.LoginScreen)),
};

export function App() {
  useEffect(() => {
    whenUnauthorised(() => { locked.value = true; });
    void refresh();
  }, []);
  const place = route.value[0] === "instances" && route.value[1] ? "setup" : route.value[0] ?? "instances";
  const name = locked.value ? "login" : place in SCREENS ? place : "instances";
  const Screen = SCREENS[name] ?? InstancesScreen;
  const current = name === "setup" ? "instances" : name;
  const was = useRef(name);
  useEffect(() => {
    if (was.current === name) return;
    was.current = name;
    // Whoever has followed a link goes on in what it led to, and not in the bar above it.
    const at = document.activeElement;
    if (!at || at === document.body || at.closest("header")) document.getElementById("main")?.focus({ preventScroll: true });
    announce(titleOf(name));
  }, [name]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>To the content</a>
      <header class="bar">
        <a class="brand" href={to("instances")}>
          <svg viewBox="0 0 16 16" aria-hidden="true"><path fill="currentColor" d="M8 1 1 6v9h14V6zM5 7h6v2H5z" /></svg>
          Watchpost
        </a>
        <nav aria-label="Screens">
          {NAV.map(([path, text]) => (
            <a key={path} href={to(path)} aria-current={path === current ? "page" : undefined}>{text}</a>
          ))}
        </nav>
        <div class="summary"><Summary screen={titleOf(name)} /><Who /></div>
      </header>
      {unreachable.value && !locked.value && (
        <div class="stale" role="status">{unreachable.value} {instancesAt.value > 0 && <>What is shown is from <Age at={instancesAt.value} />. </>}It is asked for again and again.</div>
      )}
      <main id="main" tabIndex={-1}>
        {session.value ? <Screen key={name} /> : !unreachable.value && <Loading what="the page" />}
      </main>
      <div class="away" role="status" aria-live="polite">{spoken.value}</div>
    </>
  );
}

/** What a screen is called. */
function titleOf(name: string): string {
  if (name === "login") return "Log in";
  const id = route.value[1];
  if (name === "setup") return instances.value?.instances.find((one) => one.id === id || one.name === id)?.name ?? "Instance";
  return NAV.find(([path]) => path === name)?.[1] ?? "Instances";
}

/** ● 3 running · 1 problem; in the title too, for who has the page in another tab. */
function Summary({ screen }: { screen: string }) {
  const all = instances.value?.instances ?? [];
  const running = all.filter(({ state }) => state === "running").length;
  const wrong = all.filter(hasProblem).length + (instances.value?.unusable?.length ?? 0);
  useEffect(() => {
    document.title = `${wrong > 0 ? `(${wrong}) ` : ""}${screen} – Watchpost`;
  }, [wrong, screen]);
  if (!instances.value) return null;
  return (
    <span>
      <span class={running > 0 ? "state good" : "state"}>{running} running</span>
      {wrong > 0 && <> · <span class="state bad">{plural(wrong, "problem")}</span></>}
    </span>
  );
}

export function hasProblem({ state, problem, file_problem, exports }: Instance) {
  const bad = ["waiting", "blocked", "overflowing", "failed"];
  return state === "failed" || state === "restarting" || !!problem || !!file_problem || exports.some((receiver) => bad.includes(receiver.state));
}
