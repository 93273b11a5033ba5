// Starts Swagger UI on /docs. A file of its own, because the page allows no inline script.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", paint);
paint();

window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    // A key that is typed in is forgotten with the page.
    persistAuthorization: false,
    // Otherwise the document would be sent to a validator on another host.
    validatorUrl: null,
  });
});
