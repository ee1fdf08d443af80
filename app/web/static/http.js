// One HTTP exchange, and problem+json answers (RFC 9457) as errors.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code || "";
    this.problem = problem;
  }
}

// No answer at all: the link is down, or the server is.
export class Unreachable extends Error {}

let watch = () => {};

// `tell` hears +1 when an answer is waited for and -1 when it is there, or will not come.
export function watchWaits(tell) {
  watch = tell;
}

export async function watched(answer) {
  watch(1);
  try {
    return await answer;
  } finally {
    watch(-1);
  }
}

export async function send(address, { headers = {}, ...options } = {}) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...options, headers });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Unreachable(failure.message);
  }
  if (response.ok) return response;
  throw new ApiError(response.status, await problemOf(response));
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {}; // a proxy's own error page: the status alone has to do
  }
}
