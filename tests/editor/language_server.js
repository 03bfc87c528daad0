// Asks yaml-language-server about one document: its diagnostics, a hover and completions. Prints JSON.
const { spawn } = require('node:child_process');
const rpc = require('vscode-jsonrpc/node');

const { uri, text, schemas, hover, complete } = JSON.parse(require('node:fs').readFileSync(0, 'utf-8'));
const bin = require.resolve('yaml-language-server/bin/yaml-language-server');
const server = spawn(process.execPath, [bin, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
const settings = { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas };

connection.onRequest('workspace/configuration', ({ items }) => items.map(({ section }) => (section === 'yaml' ? settings : {})));
connection.onRequest('client/registerCapability', () => null);
const told = new Promise((resolve) => connection.onNotification('textDocument/publishDiagnostics', ({ diagnostics }) => resolve(diagnostics)));
connection.listen();

(async () => {
  const workspace = { configuration: true, didChangeConfiguration: { dynamicRegistration: true } };
  const textDocument = { publishDiagnostics: {}, hover: {}, completion: { completionItem: { snippetSupport: true } } };
  await connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: { textDocument, workspace } });
  connection.sendNotification('initialized', {});
  connection.sendNotification('workspace/didChangeConfiguration', { settings: { yaml: settings } });
  // its schemas are those that it asks for next
  await new Promise((resolve) => setTimeout(resolve, 1500));
  connection.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } });
  const diagnostics = (await told).map(({ range, message }) => [range.start.line + 1, message]);
  const at = (position) => ({ textDocument: { uri }, position });
  const shown = hover && (await connection.sendRequest('textDocument/hover', at(hover)));
  const found = complete && (await connection.sendRequest('textDocument/completion', at(complete)));
  console.log(JSON.stringify({
    diagnostics,
    hover: shown ? shown.contents.value ?? String(shown.contents) : null,
    completions: found ? (found.items ?? found).map(({ label }) => label) : [],
  }));
  server.kill();
  process.exit(0);
})();
setTimeout(() => { console.error('no answer'); server.kill(); process.exit(1); }, 60000);
