// Express in front of undici.
"use strict";
const express = require("express");
const { Pool } = require("undici");
const pool = new Pool(process.env.STUB, { connections: 256 });
const headers = { "content-type": "application/json", authorization: "Bearer key" };
const app = express();
app.use(express.json());
app.post("/email", async (request, response) => {
  const mail = request.body;
  const body = JSON.stringify({
    personalizations: [{ to: [{ email: mail.toaddress }] }],
    from: { email: mail.fromaddress },
    subject: mail.subject,
    content: [{ type: "text/plain", value: mail.plaintextbody }],
  });
  const answer = await pool.request({ path: "/v3/mail/send", method: "POST", headers, body });
  await answer.body.dump();
  response.json({ message: "sent", status: answer.statusCode });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
