// The page's own requests, each with the token that only this page was given.

const TOKEN = document.querySelector("meta[name=page-token]").content;
const PAGE = crypto.randomUUID();

/** Send something a person did; returns {answer, state}. Throws when it was not taken. */
export async function tell(person, what, body) {
  const response = await fetch(`/try/${what}?as=${encodeURIComponent(person)}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Page-Token": TOKEN },
    body: JSON.stringify(body),
  });
  return answerOf(response);
}

/** Wait for a state that is newer than "since". */
export async function state(person, since, signal) {
  const query = new URLSearchParams({ as: person, since, page: PAGE });
  const response = await fetch(`/try/state?${query}`, { headers: { "X-Page-Token": TOKEN }, signal });
  return answerOf(response);
}

async function answerOf(response) {
  if (response.status === 403) throw new Error(await response.text());
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
