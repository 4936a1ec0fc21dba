/** Threads that move frames ask to run before all others; what is said where they may not. */
export const notUrgent =
  "The threads that move frames run as ordinary ones here: other programs may hold frames up for " +
  "milliseconds. To let them come first put the line @users - rtprio 1 into " +
  "/etc/security/limits.d/90-punktfunk.conf and log in anew.";
