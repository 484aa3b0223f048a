// One machine's console: follows its event stream, and types on it once the keyboard is taken.
// What the machine prints goes to the terminal alone; what the API says is put in as text, never as markup.
import { ask } from "/ui/api.js";

const AGAIN_MS = 2000;
const REFUSED_MS = 30000;
const SLOW_MS = 100;
const SILENT_MS = 45000; // the controller says something every 15 s
const COLUMNS = 80;
const LETTER_WIDTH = 0.602; // of DejaVu Sans Mono and its like, in heights
const LARGEST_PX = 15;
const SMALLEST_PX = 8;
const byId = (id) => document.getElementById(id);
const node = new URLSearchParams(location.search).get("node") || "";
const place = `/v1/nodes/${encodeURIComponent(node)}`;

const terminal = new Terminal({ cursorBlink: true, disableStdin: true, scrollback: 5000, screenReaderMode: true });
const problems = { stream: "", keyboard: "" };
let since = "";
let keyboard = "";
let taken = 0;
let waiting = [];
let isTyping = false;

function complain(about, text) {
  problems[about] = text;
  byId("problem").textContent = Object.values(problems).filter(Boolean).join(" \u2014 ");
  byId("problem").hidden = !byId("problem").textContent;
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function take(kind, id, data) {
  if (id) since = id;
  if (kind === "output") terminal.write(bytesOf(data));
  if (kind === "gap") terminal.write(`\r\n[${data} bytes are not stored any more]\r\n`);
  if (kind === "status") showStanding(JSON.parse(data));
}

function showStanding(standing) {
  const who = standing.typist ? `${standing.typist} types` : "nobody types";
  const why = standing.reason ? `: ${standing.reason}` : "";
  byId("standing").textContent = `${standing.state}${why}; ${who}, ${standing.watchers} watch`;
}

// Says whether the console is switched on; one that is a screen has a page of its own.
async function lookAtSwitch() {
  const found = await (await ask("GET", `${place}/states/console`)).json();
  if (found.console_info?.type === "vnc") location.replace(`/ui/screen.html?node=${encodeURIComponent(node)}`);
  return found.console_enabled;
}

async function follow() {
  let pause = AGAIN_MS;
  let isOn = true;
  try {
    isOn = await lookAtSwitch();
    if (!isOn) throw new Error("the console is switched off");
    const reply = await ask("GET", `${place}/console/output?since=${encodeURIComponent(since)}`);
    byId("switch").hidden = true;
    byId("type").hidden = byId("break").hidden = false;
    complain("stream", "");
    await readEvents(reply.body.getReader());
    byId("standing").textContent = "the stream has ended; connecting again";
  } catch (error) {
    byId("standing").textContent = "not connected";
    byId("switch").hidden = isOn;
    byId("type").hidden = byId("break").hidden = !keyboard;
    if (error.status === 403 || error.status === 404) pause = REFUSED_MS;
    complain("stream", error.message);
  }
  setTimeout(follow, pause);
}

// Until the stream ends, breaks, or is silent for so long that it must have been lost.
async function readEvents(reader) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const silence = setTimeout(() => reader.cancel(), SILENT_MS);
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    clearTimeout(silence);
    if (done) return;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if (fields.event) take(fields.event, fields.id, fields.data);
    }
  }
}

async function takeKeyboard() {
  try {
    await grab(false);
  } catch (error) {
    if (error.status !== 409) return complain("keyboard", error.message);
    if (!confirm(`${error.message}\n\nTake the keyboard?`)) return;
    await grab(true).catch((failed) => complain("keyboard", failed.message));
  }
}

async function grab(force) {
  keyboard = (await (await ask("PUT", `${place}/console/keyboard`, { force })).json()).keyboard;
  taken = 0;
  waiting = [];
  complain("keyboard", "");
  setTyping(true);
}

function setTyping(isOn) {
  terminal.options.disableStdin = !isOn;
  byId("type").textContent = isOn ? "Stop typing" : "Type";
  byId("break").disabled = !isOn;
  if (isOn) terminal.focus();
  else keyboard = "";
}

function release(options) {
  return ask("DELETE", `${place}/console/keyboard?keyboard=${encodeURIComponent(keyboard)}`, null, options).catch(() => {});
}

async function leaveKeyboard() {
  const released = release();
  setTyping(false);
  await released;
}

// One request at a time, so that what is typed arrives in order; "at" makes one that comes twice harmless.
async function send() {
  if (isTyping) return;
  isTyping = true;
  try {
    while (keyboard && waiting.length) {
      const piece = waiting.slice(0, 1024);
      const body = { keyboard, data: btoa(String.fromCharCode(...piece)), at: taken };
      const now = (await (await ask("POST", `${place}/console/input`, body)).json()).taken;
      waiting = waiting.slice(now - taken);
      if (now === taken) await new Promise((done) => setTimeout(done, SLOW_MS));
      taken = now;
    }
  } catch (error) {
    waiting = [];
    setTyping(false);
    complain("keyboard", error.status ? error.message : "what was typed last may be lost; take the keyboard again");
  }
  isTyping = false;
}

function typed(text) {
  waiting.push(...new TextEncoder().encode(text));
  send();
}

// As large as it may be for the whole width to be seen; on a phone the rest is reached by scrolling.
function fit() {
  const room = byId("screen").clientWidth - 36;
  const height = Math.floor(room / COLUMNS / LETTER_WIDTH);
  terminal.options.fontSize = Math.min(LARGEST_PX, Math.max(SMALLEST_PX, height));
}

byId("title").textContent = `Console of ${node}`;
document.title = `Ingot: console of ${node}`;
byId("type").addEventListener("click", () => (keyboard ? leaveKeyboard() : takeKeyboard()));
byId("break").addEventListener("click", () =>
  ask("POST", `${place}/console/input`, { keyboard, at: taken, break: true }).catch((error) => complain("keyboard", error.message)));
byId("switch").addEventListener("click", () =>
  ask("PUT", `${place}/states/console`, { enabled: true }).catch((error) => complain("stream", error.message)));
addEventListener("pagehide", () => {
  if (keyboard) release({ keepalive: true });
});
addEventListener("resize", fit);
fit();
terminal.open(byId("screen"));
terminal.onData(typed);
terminal.onBinary((text) => {
  waiting.push(...Array.from(text, (letter) => letter.charCodeAt(0)));
  send();
});
if (node) follow();
else complain("stream", "the address names no node; choose one of all nodes");
