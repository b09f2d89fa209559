// `node check.mjs FOLDER`: Shopify's own linter on a theme app extension; what it finds, as JSON.
import { themeCheckRun } from '@shopify/theme-check-node';

const [folder] = process.argv.slice(2);
const { offenses } = await themeCheckRun(folder, `${folder}/.theme-check.yml`, () => {});
console.log(JSON.stringify(offenses.map(({ check, message, uri }) => ({ check, message, uri }))));
