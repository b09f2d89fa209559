// Keeps the button in step with the variation that is chosen, by the events of WooCommerce's own
// form; they are jQuery's, which no other listener hears.
(function ($) {
  function offer(form, choose) {
    const buttons = document.querySelectorAll(`try-on-button[data-product="${form.dataset.product_id}"]`);
    for (const button of buttons) {
      const { attributes, href } = choose(button);
      for (const [name, value] of Object.entries(attributes)) {
        value ? button.setAttribute(name, value) : button.removeAttribute(name);
      }
      button.querySelector('a').href = href;
    }
  }

  $(document)
    .on('found_variation', '.variations_form', (event, variation) => {
      if (variation.try_on) offer(event.currentTarget, () => variation.try_on);
    })
    .on('reset_data', '.variations_form', event => {
      offer(event.currentTarget, button => JSON.parse(button.dataset.itself));
    });
})(jQuery);
