// One machine's screen. noVNC speaks to it over a WebSocket, which a word of the API's opens; the word is in the address behind the "#",
// or asked for where the browser is logged in. What the API and the controller say is put in as text, never as markup.
import { ask } from "/ui/api.js";
import RFB from "/ui/novnc/core/rfb.js";

const AGAIN_MS = 2000;
const LONGEST_MS = 30000;
const byId = (id) => document.getElementById(id);
const node = new URLSearchParams(location.search).get("node") || "";
const api = `/v1/nodes/${encodeURIComponent(node)}/states/console`;

let rfb = null;
let socket = null;
let mayType = false;
let wantsToType = true;
let fits = true;
let given = location.hash.slice(1);
let renewal = 0;
let reason = "";
let wait = AGAIN_MS;

// Where the screen is, and the word that opens it.
async function place() {
  const found = await (await ask("GET", api)).json();
  byId("switch").hidden = found.console_enabled;
  if (!found.console_enabled) throw new Error("the console is switched off");
  if (found.console_info.type !== "vnc") throw new Error("the console of this node is no screen");
  const address = new URL(found.console_info.url);
  return { uuid: address.searchParams.get("node"), word: address.hash.slice(1) };
}

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

// The WebSocket as noVNC wants it: the texts on it are ours.
class Channel {
  constructor(inner) {
    this.onopen = this.onclose = this.onerror = this.onmessage = null;
    this.inner = inner;
    inner.binaryType = "arraybuffer";
    inner.onopen = (event) => this.onopen?.(event);
    inner.onclose = (event) => this.onclose?.(event);
    inner.onerror = (event) => this.onerror?.(event);
    inner.onmessage = (event) => {
      if (typeof event.data === "string") hear(JSON.parse(event.data));
      else this.onmessage?.(event);
    };
  }
  get binaryType() { return this.inner.binaryType; }
  set binaryType(kind) { this.inner.binaryType = kind; }
  get protocol() { return this.inner.protocol; }
  get readyState() { return this.inner.readyState; }
  send(data) { this.inner.send(data); }
  close(...how) { this.inner.close(...how); }
}

function hear(said) {
  if (said.reason !== undefined) reason = said.reason;
  if (said.may_type === undefined) return;
  mayType = said.may_type;
  showRights();
  clearTimeout(renewal);
  renewal = setTimeout(renew, Math.max(1, said.ends_in_s / 2) * 1000);
}

// Before the word ends: another one, where the browser is logged in.
async function renew() {
  try {
    const found = await place();
    if (socket?.readyState === WebSocket.OPEN) socket.send(`token ${found.word}`);
    complain("");
  } catch (error) {
    complain(`this view ends soon, because no new address could be had: ${error.message}`);
  }
}

function showRights() {
  const types = mayType && wantsToType;
  byId("type").hidden = !mayType;
  byId("keys").hidden = !types;
  byId("type").setAttribute("aria-pressed", String(types));
  if (rfb) rfb.viewOnly = !types;
}

function again() {
  byId("standing").textContent = `not connected; trying again in ${wait / 1000} s`;
  setTimeout(connect, wait);
  wait = Math.min(2 * wait, LONGEST_MS);
}

async function connect() {
  reason = "";
  byId("standing").textContent = "connecting";
  try {
    const found = given ? { uuid: node, word: given } : await place();
    given = "";
    open(found);
  } catch (error) {
    complain(error.message);
    again();
  }
}

function open({ uuid, word }) {
  const address = `${location.origin.replace(/^http/, "ws")}/screens/${encodeURIComponent(uuid)}`;
  socket = new WebSocket(address, ["binary", "ingot.page", `ingot.token.${word}`]);
  let wasOpen = false;
  socket.addEventListener("open", () => { wasOpen = true; byId("standing").textContent = "the screen is being brought"; });
  rfb = new RFB(byId("picture"), new Channel(socket), { shared: true });
  rfb.scaleViewport = fits;
  rfb.viewOnly = true;
  rfb.addEventListener("connect", () => {
    byId("standing").textContent = mayType ? "connected" : "connected; you may only watch";
    complain("");
    wait = AGAIN_MS;
    showRights();
    rfb.focus();
  });
  rfb.addEventListener("disconnect", () => {
    rfb = null;
    clearTimeout(renewal);
    byId("type").hidden = byId("keys").hidden = true;
    complain(reason || (wasOpen ? "the connection was lost" : "the controller refused the address; it may have ended"));
    again();
  });
}

byId("title").textContent = `Screen of ${node}`;
document.title = `Ingot: screen of ${node}`;
byId("type").addEventListener("click", () => { wantsToType = !wantsToType; showRights(); });
byId("keys").addEventListener("click", () => { rfb?.sendCtrlAltDel(); rfb?.focus(); });
byId("scale").addEventListener("click", () => {
  fits = !fits;
  byId("scale").setAttribute("aria-pressed", String(fits));
  if (rfb) rfb.scaleViewport = fits;
});
byId("switch").addEventListener("click", () => ask("PUT", api, { enabled: true }).catch((error) => complain(error.message)));
connect();
