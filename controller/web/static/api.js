// How the pages ask the REST API, and what they say when it does not answer or refuses.
const VERSION = { "X-OpenStack-Ironic-API-Version": "1.109" };

// Returns the reply; throws an error whose message is for people, with the status of a refusal.
// The origin goes before the path, because a page whose address has a password in it may fetch nothing by path alone.
export async function ask(method, path, body, more = {}) {
  const options = { method, headers: { ...VERSION }, ...more };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(location.origin + path, options).catch(() => {
    throw new Error("the controller does not answer; it is asked again");
  });
  if (reply.ok) return reply;
  const error = new Error(await refusal(reply));
  error.status = reply.status;
  throw error;
}

// What the API says of a refusal, such as the role that a login lacks.
async function refusal(reply) {
  try {
    return JSON.parse((await reply.json()).error_message).faultstring;
  } catch {
    return `the API answered ${reply.status} ${reply.statusText}`;
  }
}
