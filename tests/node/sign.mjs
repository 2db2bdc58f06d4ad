// Signs GitHub's example payloads with GitHub's own library: prints one line {name, body, signature} per example.
import { createRequire } from "node:module";
import { sign } from "@octokit/webhooks-methods";

const secret = process.argv[2];
const events = createRequire(import.meta.url)("@octokit/webhooks-examples");

for (const { name, examples } of events.default ?? events) {
  for (const example of examples) {
    const body = JSON.stringify(example);
    console.log(JSON.stringify({ name, body, signature: await sign(secret, body) }));
  }
}
