/** The actions of a trade by their neutral names, who says them, and how long an answer to each is waited for. */

export type BecknRequestAction =
  | "search"
  | "select"
  | "init"
  | "confirm"
  | "status"
  | "update"
  | "cancel"
  | "rating"
  | "support"
  | "track"
  | "publish";
export type BecknCallbackAction = `on_${BecknRequestAction}`;
export type BecknAction = BecknRequestAction | BecknCallbackAction;

export interface ActionRule {
  readonly action: BecknAction;
  /** Requests go BAP → BPP and are signed by the BAP, callbacks the other way. */
  readonly callback: boolean;
  /** Time to live sent with it, ms. */
  readonly ttlMs: number;
}

const requestTtlMs: Readonly<Record<BecknRequestAction, number>> = {
  search: 15_000,
  select: 10_000,
  init: 10_000,
  confirm: 60_000,
  status: 10_000,
  update: 10_000,
  cancel: 10_000,
  rating: 10_000,
  support: 10_000,
  track: 10_000,
  publish: 10_000,
};

/** Every action spoken, by its neutral name; a revision may spell it otherwise or lack it. */
export const becknActions: ReadonlyMap<string, ActionRule> = new Map(
  (Object.keys(requestTtlMs) as BecknRequestAction[]).flatMap((action): [string, ActionRule][] => {
    const ttlMs = requestTtlMs[action];
    return [
      [action, { action, callback: false, ttlMs }],
      [`on_${action}`, { action: `on_${action}`, callback: true, ttlMs }],
    ];
  }),
);

/** The action that answers this one. */
export function callbackOf(action: BecknRequestAction): BecknCallbackAction {
  return `on_${action}`;
}

/** The request that this callback answers. */
export function requestOf(action: BecknCallbackAction): BecknRequestAction {
  return action.slice("on_".length) as BecknRequestAction;
}

export function isCallback(action: BecknAction): action is BecknCallbackAction {
  return action.startsWith("on_");
}

/** The rule behind a path of revision 1 (`/select`), if it has one. */
export function actionOfPath(path: string): ActionRule | undefined {
  const rule = path.startsWith("/") ? becknActions.get(path.slice(1)) : undefined;
  return rule?.action.endsWith("publish") === true ? undefined : rule;
}

/** Actions as one revision spells them. */
export interface ActionNames {
  /** The path of an action, as `/discover`; undefined when the revision lacks it. */
  pathOf(action: BecknAction): string | undefined;
  /** What `context.action` says; undefined when the revision lacks it. */
  nameOf(action: BecknAction): string | undefined;
  /** The rule behind a path or a name. */
  ruleOfPath(path: string): ActionRule | undefined;
  ruleOfName(name: string): ActionRule | undefined;
}

/** @param spelled - the revision's name of each action it has, and further names it reads. */
export function actionNames(
  spelled: ReadonlyMap<BecknAction, string>,
  alsoRead: ReadonlyMap<string, BecknAction> = new Map(),
): ActionNames {
  const byName = new Map<string, ActionRule>();
  for (const [name, action] of [...spelled].map(([action, name]) => [name, action] as const)) {
    const rule = becknActions.get(action);
    if (rule) byName.set(name, rule);
  }
  for (const [name, action] of alsoRead) {
    const rule = becknActions.get(action);
    if (rule) byName.set(name, rule);
  }
  const nameOf = (action: BecknAction) => spelled.get(action);
  return {
    nameOf,
    pathOf(action) {
      const name = nameOf(action);
      return name === undefined ? undefined : `/${name}`;
    },
    ruleOfName: (name) => byName.get(name),
    ruleOfPath: (path) => (path.startsWith("/") ? byName.get(path.slice(1)) : undefined),
  };
}

/** A search that would live longer is refused, ms. */
export const MAX_SEARCH_TTL_MS = 600_000;
