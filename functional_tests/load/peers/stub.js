// The provider: takes anything, after DELAY_MS if that is set, and answers as SendGrid does.
"use strict";
const http = require("http");
const delay = Number(process.env.DELAY_MS || 0);
const server = http.createServer((request, response) => {
  const answer = () => {
    response.writeHead(202, { "Content-Length": "0", "X-Message-Id": "m-1" });
    response.end();
  };
  request.resume();
  request.on("end", delay ? () => setTimeout(answer, delay) : answer);
});
server.keepAliveTimeout = 600000;
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
