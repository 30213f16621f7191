// Serves the site without a network.  `mnist export-web` adds RELEASE and FILES in front.

// All sites of a host share its caches, so each uses its own names.
const PREFIX = `mnist-classifier ${self.registration.scope} `;
const CACHE = PREFIX + RELEASE;

self.addEventListener("install", (event) => {
  // "no-cache" lets the host answer that a file is unchanged instead of sending it again.
  const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(deleteOldCaches().then(() => self.clients.claim()));
});

async function deleteOldCaches() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

/** Answer from the cache, which holds one complete release, or else from the network. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  // The page has two addresses; the cache holds one of them.
  const url = request.url.replace(/\/index\.html(?=$|[?#])/, "/");
  return (await cache.match(url, { ignoreSearch: true })) ?? fetch(request);
}
