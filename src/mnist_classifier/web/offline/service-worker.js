// The site without a network.  `mnist export-web` puts RELEASE and FILES in front of this.

// Sites of one host share its caches: each keeps to its own scope.
const OWN = `mnist-classifier ${self.registration.scope} `;
const CACHE = OWN + RELEASE;

self.addEventListener("install", (event) => {
  // "no-cache" asks the host whether a file is still the same: what the page has fetched already is not sent again.
  const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOlder().then(() => self.clients.claim()));
});

async function dropOlder() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OWN) && name !== CACHE).map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

/** From the cache, whole releases only; from the network what is not in it. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}
