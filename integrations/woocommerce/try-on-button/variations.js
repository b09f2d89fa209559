// Keeps the button in step with the variation that is chosen: by the events of WooCommerce's own form,
// which are jQuery's and which no other listener hears, and by the hidden field of its block of block
// themes, which tells of nothing.
(function ($) {
  function offer(button, { attributes, href }) {
    for (const [name, value] of Object.entries(attributes)) {
      value ? button.setAttribute(name, value) : button.removeAttribute(name);
    }
    button.querySelector('a').href = href;
  }

  const buttons = product => document.querySelectorAll(`try-on-button[data-product="${product}"]`);
  const known = button => JSON.parse(button.dataset.variations);

  $(document)
    .on('found_variation', '.variations_form', ({ currentTarget }, { try_on: offered }) => {
      if (offered) buttons(currentTarget.dataset.product_id).forEach(button => offer(button, offered));
    })
    .on('reset_data', '.variations_form', ({ currentTarget }) => {
      buttons(currentTarget.dataset.product_id).forEach(button => offer(button, known(button)['']));
    });

  new MutationObserver(records => {
    for (const { target } of records) {
      const { product_id: product } = target.form?.elements ?? {};
      if (target.name != 'variation_id' || !product || target.closest('.variations_form')) continue;
      buttons(product.value).forEach(button => offer(button, known(button)[target.value] ?? known(button)['']));
    }
  }).observe(document.body, { subtree: true, attributeFilter: ['value'] });
})(jQuery);
