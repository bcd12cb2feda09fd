/** How long peers may take, beyond what the settings say. Milliseconds. */

/** From the connection to STARTTLS, over all replies: RFC 5321 section 4.5.3.2 allows five minutes for each. */
export const dialogueMs = 5 * 60_000;

/** For a whole reply once the session stands: what RFC 5321 section 4.5.3.2.6 allows for the slowest, the last one. */
export const replyMs = 10 * 60_000;
