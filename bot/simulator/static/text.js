// Text objects of Block Kit, and the names that mentions stand for.

import { markdown, mrkdwn, plain, plainLine } from "./mrkdwn.js";

/** Looks up who and what a mention means. */
export class People {
  constructor(snapshot) {
    this.snapshot = snapshot;
  }

  find(id) {
    return this.snapshot.people.find((person) => person.id === id);
  }

  name(id) {
    return this.find(id)?.name;
  }

  channel(id) {
    return this.snapshot.channels.find((channel) => channel.id === id)?.name;
  }
}

/** Return the nodes of a text object. */
export function textNodes(object, people) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, people);
  return plain(object.text, object.emoji !== false);
}

/** Return a text object as one line without marks, for labels. */
export function lineOf(object) {
  return plainLine(object?.text ?? "", object?.emoji !== false);
}

export { markdown, mrkdwn };
