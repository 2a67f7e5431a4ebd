// A receiver of webhooks that verifies them with the `standardwebhooks` package.
//
// It goes by the secret that stands in a file. As controls, each message is also verified with a changed body, another id
// and another time, all of which have to fail. It prints the port that it listens on, and ends when it has taken COUNT
// messages.
//
// usage: receiver_standard.mjs SECRET_FILE COUNT

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const [secretFile, count] = process.argv.slice(2);
const ids = new Set();

function passes(webhook, body, headers) {
  try {
    webhook.verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function judge(body, headers) {
  const webhook = new Webhook(readFileSync(secretFile, "utf8"));
  const later = String(Number(headers["webhook-timestamp"]) + 1);
  const changed = [
    [`${body} `, headers],
    [body, { ...headers, "webhook-id": `${headers["webhook-id"]}0` }],
    [body, { ...headers, "webhook-timestamp": later }],
  ];
  if (changed.some(([text, fields]) => passes(webhook, text, fields))) throw new Error("a changed message passes");
  return passes(webhook, body, headers);
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const isTaken = judge(Buffer.concat(chunks).toString("utf8"), request.headers);
    if (isTaken) ids.add(request.headers["webhook-id"]);
    response.writeHead(isTaken ? 200 : 401, { "Content-Length": "0" }).end();
    if (ids.size >= Number(count)) {
      console.log(`${ids.size} messages`);
      response.on("finish", () => process.exit(0));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
