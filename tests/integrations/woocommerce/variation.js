// Stands in for WooCommerce's add-to-cart-variation.js: the events that it documents, at the times
// at which it tells them, and nothing of its code.
jQuery(function ($) {
  $('.variations_form').each(function () {
    const form = $(this);
    const size = form.find('select');
    const hidden = form.find('[name=variation_id]');

    async function asked() {
      const body = new URLSearchParams({ product_id: form.data('product_id'), attribute_size: size.val() });
      return (await fetch('?wc-ajax=get_variation', { method: 'POST', body })).json();
    }

    async function check() {
      const all = form.data('product_variations');
      const found = size.val() && (all ? all.find(each => each.attributes.attribute_size == size.val()) : await asked());
      hidden.val(found ? found.variation_id : '').trigger('change');
      found ? form.trigger('found_variation', [found]) : form.trigger('reset_data');
    }

    // A page's address may choose: ?attribute_size=42.
    size.val(new URLSearchParams(location.search).get('attribute_size') ?? size.val());
    size.on('change', check);
    form.on('click', '.reset_variations', event => {
      event.preventDefault();
      size.val('');
      check();
    });
    setTimeout(check, 100);
  });
});
