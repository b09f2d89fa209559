import { hydrateRoot } from 'react-dom/client';
import { Shop } from './shop';

window.heard = [];
hydrateRoot(document.getElementById('root')!, <Shop />);
