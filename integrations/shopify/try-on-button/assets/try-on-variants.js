// Keeps the button in step with the variant that is chosen. Themes tell of it in ways of their own,
// but all of them write its id into the form that puts it into the cart. Where a theme or its editor
// renders the section anew, the new element begins anew, with the variant that Liquid knows.
if (!customElements.get('try-on-variants')) {
  customElements.define('try-on-variants', class extends HTMLElement {
    #observer = new MutationObserver(() => this.#follow());
    #listen = () => this.#follow();

    connectedCallback() {
      const what = { subtree: true, childList: true, attributes: true, attributeFilter: ['value'] };
      this.#observer.observe(document.body, what);
      document.addEventListener('change', this.#listen);
      this.#follow();
    }

    disconnectedCallback() {
      this.#observer.disconnect();
      document.removeEventListener('change', this.#listen);
    }

    #follow() {
      const { id, signature } = this.#chosen ?? {};
      const button = this.querySelector('try-on-button');
      if (!id || button.getAttribute('product-id') == id) return;
      if (signature) button.setAttribute('signature', signature);
      button.setAttribute('product-id', id);
      const link = button.querySelector('a');
      const address = new URL(link.href);
      address.searchParams.set('product_id', id);
      if (signature) address.searchParams.set('signature', signature);
      link.href = address;
    }

    /** What stands in a form of this product, else in the page's address. */
    get #chosen() {
      const variants = JSON.parse(this.dataset.variants);
      const fields = document.querySelectorAll('form[action*="/cart/add"] [name="id"]');
      const field = [...fields].find(({ value }) => value in variants);
      return variants[field?.value ?? new URLSearchParams(location.search).get('variant')];
    }
  });
}
