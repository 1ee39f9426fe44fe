import { Link } from '@tanstack/react-router';

const NAME = 'Rapport';
const MOTTO = '心有靈犀';

export function Brand() {
  return (
    <Link to="/" className="brand" aria-label={NAME}>
      <img src="/favicon.svg" alt="" />
      <span>
        <strong>{NAME}</strong>
        <span lang="zh-Hant" className="brand-motto">
          {MOTTO}
        </span>
      </span>
    </Link>
  );
}
