import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'test-results/', 'node_modules/', 'eslint.config.js', 'src/api/schema.ts'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.node.json', './tsconfig.worker.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    // Addresses come from `addressOf`, which knows the document.
    files: ['src/**'],
    ignores: ['src/**/*.test.ts', 'src/api/fixture.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...['Literal[value=/^api.v1/]', 'TemplateElement[value.raw=/^api.v1/]'].map((selector) => (
        { selector, message: 'see src/api/routes.ts' }
      ))],
    },
  },
);
