// Verifies webhooks with Linear's and Paddle's own libraries. Reads {sender: {body, signature, secret}} from standard
// input, and prints the names of the senders whose library takes them.
import { readFileSync } from "node:fs";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { Paddle } from "@paddle/paddle-node-sdk";

const verifiers = {
  linear: ({ body, signature, secret }) => new LinearWebhookClient(secret).verify(Buffer.from(body), signature),
  paddle: ({ body, signature, secret }) => new Paddle("unused").webhooks.isSignatureValid(body, secret, signature),
};

for (const [sender, request] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  try {
    if (await verifiers[sender](request)) console.log(sender);
  } catch {
    // A library that throws doesn't take the request.
  }
}
