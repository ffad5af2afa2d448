/** A line typed at a terminal that shows none of it. */

import type { ReadStream } from "node:tty";

const ENTER = /[\r\n]/;
const INTERRUPT = "\u0003";
const END = "\u0004";
const BACK = /[\u007f\b]/;

/** Asks on `out`; Ctrl-C ends the program as anywhere else. */
export function askSecretAt(
  input: ReadStream,
  out: (text: string) => void,
): (prompt: string) => Promise<string> {
  return (prompt) =>
    new Promise((resolve) => {
      let typed = "";
      const finish = () => {
        input.off("data", onData);
        input.setRawMode(false);
        input.pause();
        out("\n");
      };
      const onData = (chunk: string | Buffer) => {
        const text = chunk.toString();
        for (const [at, letter] of Array.from(text).entries()) {
          if (letter === INTERRUPT) {
            finish();
            process.kill(process.pid, "SIGINT");
            return;
          }
          if (ENTER.test(letter) || letter === END) {
            finish();
            const rest = Array.from(text)
              .slice(at + 1)
              .join("");
            // Typed ahead, for the question after this one.
            if (rest !== "") input.unshift(rest);
            resolve(typed);
            return;
          }
          typed = BACK.test(letter) ? Array.from(typed).slice(0, -1).join("") : typed + letter;
        }
      };
      input.setEncoding("utf8");
      input.setRawMode(true);
      out(prompt);
      input.on("data", onData);
      input.resume();
    });
}
