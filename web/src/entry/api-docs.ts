// The API's document as a page to read and to try it out: Swagger UI, from this server alone.

import 'swagger-ui-dist/swagger-ui.css';
import './api-docs.css';

import { allowMarkup } from './markup.ts';

const DOCUMENT = 'api-docs/openapi.json';

async function show(): Promise<void> {
  const answer = await fetch(DOCUMENT, { cache: 'no-store' });
  if (answer.status === 401) {
    location.replace('login?to=api-docs');
    return;
  }
  allowMarkup();
  const { default: SwaggerUI } = await import('swagger-ui-dist/swagger-ui-bundle.js');
  SwaggerUI({
    dom_id: '#api',
    url: DOCUMENT,
    deepLinking: true,
    // No server elsewhere is asked whether the document is right.
    validatorUrl: 'none',
    // Colouring an answer takes longer than the answer, and sets styles that our policy does not let through.
    syntaxHighlight: false,
    defaultModelsExpandDepth: 0,
    docExpansion: 'list',
    tryItOutEnabled: true,
  });
}

void show();
