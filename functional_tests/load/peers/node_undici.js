// Node's http and undici, nothing between them.
"use strict";
const http = require("http");
const { Pool } = require("undici");
const pool = new Pool(process.env.STUB, { connections: 256 });
const headers = { "content-type": "application/json", authorization: "Bearer key" };
http
  .createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const mail = JSON.parse(Buffer.concat(pieces));
    const body = JSON.stringify({
      personalizations: [{ to: [{ email: mail.toaddress }] }],
      from: { email: mail.fromaddress },
      subject: mail.subject,
      content: [{ type: "text/plain", value: mail.plaintextbody }],
    });
    const answer = await pool.request({ path: "/v3/mail/send", method: "POST", headers, body });
    await answer.body.dump();
    const text = JSON.stringify({ message: "sent", status: answer.statusCode });
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.end(text);
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
