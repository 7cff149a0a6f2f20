// The outlines of the page's small drawings, on a grid of 20 by 20.

export const CLOSE =
  "M5.3 4.2 10 8.9l4.7-4.7 1.1 1.1L11.1 10l4.7 4.7-1.1 1.1L10 11.1l-4.7 4.7-1.1-1.1L8.9 10 4.2 5.3z";
export const DOTS =
  "M4.5 8.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3m5.5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3m5.5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3";
export const EYE =
  "M10 4.5c4 0 7 2.7 8.5 5.5-1.5 2.8-4.5 5.5-8.5 5.5S3 12.8 1.5 10C3 7.2 6 4.5 10 4.5m0 2.2a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6m0 1.6a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4";
export const SEND =
  "M2.5 3.2v5.3L11.5 10l-9 1.5v5.3c0 .5.5.8 1 .6l14-6.8c.5-.2.500-.9 0-1.1l-14-6.9c-.5-.2-1 .1-1 .6";
export const CARET = "M5.7 7.3 10 11.6l4.3-4.3 1.1 1.1L10 13.8 4.6 8.4z";
export const WARNING = "M10 2.5 18.5 17.5h-17zM9.2 8v5h1.6V8zm0 6v1.6h1.6V14z";
export const SLASH = "M12.3 3h1.7L7.7 17H6z";
export const MENU = "M3 5h14v1.6H3zm0 4.2h14v1.6H3zm0 4.2h14V15H3z";
export const FILE = "M5 2h7l4 4v12H5zm1.5 1.5v13h8V7H11V3.5z";
export const REPLY = "M8 4.5v3c5 0 8.5 2.5 9.5 8-2-2.8-5-4-9.5-4v3L2.5 9.5z";
export const BUBBLE = "M3 3.5h14v10h-8l-4 4v-4H3z";
