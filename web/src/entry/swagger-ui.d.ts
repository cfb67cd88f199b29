// Of swagger-ui-dist, what is used here.

declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  export default function SwaggerUI(options: {
    dom_id: string;
    url: string;
    deepLinking: boolean;
    validatorUrl: string;
    syntaxHighlight: false;
    defaultModelsExpandDepth: number;
    docExpansion: 'list' | 'full' | 'none';
    tryItOutEnabled: boolean;
  }): unknown;
}
