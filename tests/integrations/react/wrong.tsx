// Each of these lines is a mistake that the types name.
import { TryOn } from './TryOn';

export const mistakes = [
  // @ts-expect-error: a button of no product
  <TryOn server="https://tryon.shop.example" />,
  // @ts-expect-error: there is no such mode
  <TryOn server="https://tryon.shop.example" productId="sku-1" mode="dialog" />,
  // @ts-expect-error: there is no such event
  <TryOn server="https://tryon.shop.example" productId="sku-1" onFinished={() => {}} />,
  // @ts-expect-error: a completed try-on has no code
  <TryOn server="https://tryon.shop.example" productId="sku-1" onCompleted={(event) => event.detail.code} />,
];
