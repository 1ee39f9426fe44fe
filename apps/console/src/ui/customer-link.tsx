import { Link } from '@tanstack/react-router';

/** A customer's id, leading to their 360. */
export function CustomerLink({ customerId }: { readonly customerId: string }) {
  return (
    <Link to="/customers/$customerId" params={{ customerId }} className="num">
      {customerId}
    </Link>
  );
}
