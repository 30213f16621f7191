"""The recogniser as a static site that runs in the browser, without a server."""
