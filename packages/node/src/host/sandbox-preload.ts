/**
 * What Node's permissions leave open to a program of the same user: the sockets of other programs, by path, and signals
 * to their processes. This text runs before the program's own and takes both away for good.
 */

const PRELOAD = `
import net from "node:net";
import process from "node:process";
import { syncBuiltinESMExports } from "node:module";
const denied = (what) => Object.assign(new Error("Access to this API has been restricted: " + what), { code: "ERR_ACCESS_DENIED" });
const lock = (object, name, value) => Object.defineProperty(object, name, { value, writable: false, configurable: false });
const { connect } = net.Socket.prototype;
const { _normalizeArgs: normalize } = net;
const { apply } = Reflect;
lock(net.Socket.prototype, "connect", function (...given) {
  const [first, second] = given.length === 1 && Array.isArray(given[0]) ? [given[0][0], given[0][1]] : normalize(given);
  const options = { ...first };
  if (options.path !== undefined && options.path !== null) throw denied("sockets by path");
  return apply(connect, this, [options, ...(typeof second === "function" ? [second] : [])]);
});
const { listen } = net.Server.prototype;
lock(net.Server.prototype, "listen", function (...given) {
  const [first, second] = normalize(given);
  const options = { ...first };
  if (options.path !== undefined && options.path !== null) throw denied("sockets by path");
  return apply(listen, this, [options, ...(typeof second === "function" ? [second] : [])]);
});
for (const name of ["kill", "_kill", "_debugProcess"]) {
  if (name in process) lock(process, name, (pid) => { throw denied("process." + name); });
}
syncBuiltinESMExports();
`;

/** The flag that runs it first. */
export function preloadFlag(): string {
  return `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}`;
}
