// The loop of Lambda's managed Node.js runtime, as far as this handler needs it: `aws-lambda-ric` itself is compiled
// with CMake where it is installed. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import { Agent, request } from "node:http";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT = ".", _HANDLER = "handler.handler" } = process.env;
const API = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((done, failed) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const sent = request(API + path, { method, agent, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => done({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", failed);
    });
    sent.on("error", failed);
    sent.end(body);
  });
}

const diagnostic = (error) => JSON.stringify({
  errorType: error.name,
  errorMessage: error.message,
  stackTrace: error.stack?.split("\n") ?? [],
});

const [file, name] = _HANDLER.split(".");
let handler;
try {
  ({ [name]: handler } = await import(pathToFileURL(resolve(LAMBDA_TASK_ROOT, `${file}.mjs`))));
} catch (error) {
  await call("POST", "/init/error", diagnostic(error));
  throw error;
}

for (;;) {
  const { headers, body } = await call("GET", "/invocation/next");
  const id = headers["lambda-runtime-aws-request-id"];
  try {
    const getRemainingTimeInMillis = () => headers["lambda-runtime-deadline-ms"] - Date.now();
    const answer = await handler(JSON.parse(body), { awsRequestId: id, getRemainingTimeInMillis });
    await call("POST", `/invocation/${id}/response`, JSON.stringify(answer));
  } catch (error) {
    await call("POST", `/invocation/${id}/error`, diagnostic(error));
  }
}
