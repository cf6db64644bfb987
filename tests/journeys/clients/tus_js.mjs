// tus-js-client under Node, as a school's own program would use it. Words: its module, then a JSON file of what to do:
// {endpoint, headers, metadata, file, storage, chunkBytes}. What it learnt of the upload is kept in `storage`, so that the
// next run goes on from there. Prints one JSON line per request, and {done} at the end.
import { createReadStream, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const tus = createRequire(import.meta.url)(process.argv[2]);
const asked = JSON.parse(readFileSync(process.argv[3], "utf8"));
const say = (words) => process.stdout.write(JSON.stringify(words) + "\n");

// The file storage of tus-js-client, which also keeps the upload's own token.
class Remembering extends tus.FileUrlStorage {
  token = null;
  addUpload(fingerprint, upload) {
    return super.addUpload(fingerprint, { ...upload, token: this.token });
  }
}

const storage = new Remembering(asked.storage);
const upload = new tus.Upload(createReadStream(asked.file), {
  endpoint: asked.endpoint,
  metadata: asked.metadata,
  uploadSize: asked.sizeBytes,
  chunkSize: asked.chunkBytes ?? Infinity,
  retryDelays: null,
  urlStorage: storage,
  storeFingerprintForResuming: true,
  fingerprint: async () => `nea-${asked.metadata.item}-${asked.metadata.sha256}`,
  onBeforeRequest(request) {
    if (request.getMethod() === "POST") {
      for (const [name, value] of Object.entries(asked.headers)) request.setHeader(name, value);
    } else {
      request.setHeader("Upload-Token", storage.token);
    }
  },
  onAfterResponse(request, response) {
    if (request.getMethod() === "POST") storage.token = response.getHeader("Upload-Token");
    const offset = request.getHeader("Upload-Offset") ?? null;
    const document = response.getHeader("Document-Location") ?? null;
    say({ method: request.getMethod(), status: response.getStatus(), offset, answered: response.getHeader("Upload-Offset"), document });
  },
  onError(error) {
    say({ failed: String(error) });
    process.exitCode = 1;
  },
  onSuccess: () => say({ done: upload.url }),
});
const [earlier] = await upload.findPreviousUploads();
if (earlier) {
  storage.token = earlier.token;
  upload.resumeFromPreviousUpload(earlier);
}
upload.start();
