// Answers lines of JSON on standard input: {"module", "name", "args"} calls a function of a module, {"steps"} a Pace.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const load = (module) => import(pathToFileURL(`${folder}/${module}`).href);

const special = {
  // a file from base64, as the browser would hand it over
  async look({ name, base64, limits }) {
    const { byContent, byName, readEnds } = await load("preflight.js");
    const file = new Blob([Buffer.from(base64, "base64")]);
    return byName(name, file.size, limits) ?? byContent(name, await readEnds(file));
  },
  async meant({ paths }) {
    const { meantOf } = await load("folder.js");
    const { meant, hidden } = meantOf(paths.map((path) => ({ path, file: { name: path.split("/").at(-1) } })));
    return { meant: meant.map(({ path }) => path), hidden };
  },
  async shared({ places }) {
    const { shared } = await load("allocation.js");
    return [...shared(places)];
  },
  async pace({ notes, left }) {
    const { Pace } = await load("pace.js");
    const pace = new Pace();
    for (const [at, sent] of notes) pace.note(at, sent);
    return [pace.bytesPerSecond(), pace.secondsFor(left)];
  },
  async scans({ typed, commands }) {
    const { readScan } = await load("../tracking/reading.js");
    return typed.map((one) => readScan(one, new Map(Object.entries(commands))));
  },
  // what a station says of answers: its words are their own names
  async judged({ scan, answers, odd }) {
    const { judge } = await load("../tracking/judging.js");
    const words = new Proxy({}, { get: (_, name) => String(name) });
    return judge({ words, odd: new Map(odd.map((one) => [one, one])), done: new Map([[scan.kind, `done ${scan.kind}`]]) }, scan, answers);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  try {
    const value = asked.special
      ? await special[asked.special](asked)
      : await (await load(asked.module))[asked.name](...asked.args);
    answer = { value: value ?? null };
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
