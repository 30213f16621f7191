/** The pictures that bench/offline.py writes for node: width, height and channels (1 or 4) as uint32, then the levels. */

export function* picturesIn(file) {
  for (let place = 0; place < file.length; ) {
    const [width, height, channels] = [0, 4, 8].map((offset) => file.readUInt32LE(place + offset));
    place += 12;
    const levels = file.subarray(place, place + width * height * channels);
    place += levels.length;
    yield { width, height, data: channels === 4 ? new Uint8ClampedArray(levels) : inColour(levels) };
  }
}

function inColour(levels) {
  const data = new Uint8ClampedArray(levels.length * 4).fill(255);
  for (let i = 0; i < data.length; i += 1) if (i % 4 < 3) data[i] = levels[i >> 2];
  return data;
}
