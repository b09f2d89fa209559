// For tag managers and consent tools that load plain scripts alone: the button's is a module.
// Of another origin's plain script no address is the base, so it is named whole.
import(document.currentScript.src.replace('loader', 'button'));
