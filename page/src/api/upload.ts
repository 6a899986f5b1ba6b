// A file to the server. `fetch` does not tell how far it is; the older way does.
import { ApiError } from "./client";
import type { ProblemDetails } from "./types";

export function upload(path: string, file: File, onProgress: (part: number) => void): Promise<{ uri: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.response as { uri: string });
      const details = request.response as ProblemDetails | null;
      reject(new ApiError(request.status, details?.detail ?? `the server answered ${request.status}`, details?.problems ?? []));
    };
    request.onerror = () => reject(new ApiError(0, "The file could not be sent: the server cannot be reached, or takes no more of it. A file on the server itself can be named by its path."));
    request.send(file);
  });
}
