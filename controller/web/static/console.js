// One machine's console: follows its event stream, and types on it once the keyboard is taken.
// What the machine prints goes to the terminal alone; what the API says is put in as text, never as markup.
"use strict";

const VERSION = { "X-OpenStack-Ironic-API-Version": "1.95" };
const AGAIN_MS = 2000;
const SLOW_MS = 100;
const byId = (id) => document.getElementById(id);
const node = new URLSearchParams(location.search).get("node") || "";
const place = `/v1/nodes/${encodeURIComponent(node)}`;

const terminal = new Terminal({ cursorBlink: true, disableStdin: true, scrollback: 5000, screenReaderMode: true });
let since = "";
let keyboard = "";
let taken = 0;
let waiting = [];
let isTyping = false;

async function ask(method, below, body) {
  const options = { method, headers: { ...VERSION } };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(place + below, options);
  if (!reply.ok) {
    const error = new Error(await refusal(reply));
    error.status = reply.status;
    throw error;
  }
  return reply;
}

async function refusal(reply) {
  try {
    return JSON.parse((await reply.json()).error_message).faultstring;
  } catch {
    return `the API answered ${reply.status} ${reply.statusText}`;
  }
}

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
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

async function leaveForScreen() {
  const found = await (await ask("GET", "/states/console")).json();
  if (found.console_info?.type === "vnc") location.replace(`/ui/screen.html?node=${encodeURIComponent(node)}`);
}

async function follow() {
  try {
    await leaveForScreen();
    const reply = await ask("GET", `/console/output?since=${encodeURIComponent(since)}`);
    byId("switch").hidden = true;
    complain("");
    await readEvents(reply.body.getReader());
    byId("standing").textContent = "the stream has ended; connecting again";
  } catch (error) {
    byId("standing").textContent = "not connected";
    byId("switch").hidden = error.status !== 409;
    complain(error.message);
  }
  setTimeout(follow, AGAIN_MS);
}

async function readEvents(reader) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
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
    if (error.status !== 409) return complain(error.message);
    if (!confirm(`${error.message}\n\nTake the keyboard?`)) return;
    await grab(true).catch((failed) => complain(failed.message));
  }
}

async function grab(force) {
  keyboard = (await (await ask("PUT", "/console/keyboard", { force })).json()).keyboard;
  taken = 0;
  waiting = [];
  setTyping(true);
}

function setTyping(isOn) {
  terminal.options.disableStdin = !isOn;
  byId("type").textContent = isOn ? "Stop typing" : "Type";
  byId("break").disabled = !isOn;
  if (isOn) terminal.focus();
  else keyboard = "";
}

async function leaveKeyboard() {
  const before = keyboard;
  setTyping(false);
  await ask("DELETE", `/console/keyboard?keyboard=${encodeURIComponent(before)}`).catch(() => {});
}

// One request at a time, so that what is typed arrives in order; "at" makes one that comes twice harmless.
async function send() {
  if (isTyping) return;
  isTyping = true;
  try {
    while (keyboard && waiting.length) {
      const piece = waiting.slice(0, 1024);
      const body = { keyboard, data: btoa(String.fromCharCode(...piece)), at: taken };
      const now = (await (await ask("POST", "/console/input", body)).json()).taken;
      waiting = waiting.slice(now - taken);
      if (now === taken) await new Promise((done) => setTimeout(done, SLOW_MS));
      taken = now;
    }
    complain("");
  } catch (error) {
    waiting = [];
    setTyping(false);
    complain(error.message);
  }
  isTyping = false;
}

function typed(text) {
  waiting.push(...new TextEncoder().encode(text));
  send();
}

byId("title").textContent = `Console of ${node}`;
document.title = `Ingot: console of ${node}`;
byId("type").addEventListener("click", () => (keyboard ? leaveKeyboard() : takeKeyboard()));
byId("break").addEventListener("click", () =>
  ask("POST", "/console/input", { keyboard, at: taken, break: true }).catch((error) => complain(error.message)));
byId("switch").addEventListener("click", () =>
  ask("PUT", "/states/console", { enabled: true }).catch((error) => complain(error.message)));
addEventListener("pagehide", () => {
  if (keyboard) fetch(`${place}/console/keyboard?keyboard=${encodeURIComponent(keyboard)}`, { method: "DELETE", headers: VERSION, keepalive: true });
});
terminal.open(byId("screen"));
terminal.onData(typed);
terminal.onBinary((text) => {
  waiting.push(...Array.from(text, (letter) => letter.charCodeAt(0)));
  send();
});
follow();
