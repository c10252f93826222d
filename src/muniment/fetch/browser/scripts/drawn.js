// Resolve when this document has been drawn twice from now on: what is drawn first may still lack what has come in sight.
// A document that is not drawn, because nobody could see it, is given a moment.
async function (most) {
  const drawn = new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));
  return Promise.race([drawn, new Promise((done) => setTimeout(() => done(false), most))]);
}
