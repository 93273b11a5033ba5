// Express in front of notifme-sdk, which sends to SendGrid: only the address of that is another
// here. As it comes, it makes a connection for every send; KEEP_ALIVE=1 makes it keep them.
"use strict";
const http = require("http");
const fetch = require("node-fetch");
const agent = process.env.KEEP_ALIVE && new http.Agent({ keepAlive: true, maxSockets: 256 });
const provider = "https://api.sendgrid.com";
const aimed = (url, options) =>
  fetch(url.replace(provider, process.env.STUB), agent ? { ...options, agent } : options);
require.cache[require.resolve("node-fetch")].exports = Object.assign(aimed, { default: aimed });
const express = require("express");
const NotifmeSdk = require("notifme-sdk").default;
const sdk = new NotifmeSdk({
  channels: { email: { providers: [{ type: "sendgrid", apiKey: "key" }] } },
});
const app = express();
app.use(express.json());
app.post("/email", async (request, response) => {
  const mail = request.body;
  const result = await sdk.send({
    email: {
      from: mail.fromaddress,
      to: mail.toaddress,
      subject: mail.subject,
      text: mail.plaintextbody,
    },
  });
  response.status(result.status === "success" ? 200 : 503).json(result);
});
app.listen(Number(process.env.PORT), "127.0.0.1");
