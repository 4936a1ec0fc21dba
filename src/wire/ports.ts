/** Where a host's control plane listens unless told otherwise; its media plane is one above. */
export const usualPort = 9777;
