// What a shop does with the button's events.

const said = document.getElementById('said');
const WORDS = {
  'tryon-opened': 'Your try-on is open on the phone.',
  'tryon-completed': 'You’ve tried this on. Shall we put it in the bag?',
  'tryon-cancelled': 'Try-on cancelled.',
};

for (const name in WORDS) {
  document.addEventListener(name, () => { said.textContent = WORDS[name]; });
}

document.querySelector('.cart').addEventListener('click', event => {
  event.target.textContent = 'In your bag';
});
