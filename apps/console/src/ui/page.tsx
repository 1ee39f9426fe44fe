import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';

export interface Crumb {
  readonly label: string;
  readonly to: string;
}

interface PageProps {
  readonly title: string;
  /** Shown in place of the plain title, such as a title with a badge. */
  readonly heading?: ReactNode;
  readonly intro?: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** The frame of every page: where it is, what it is called, what can be done, and its content. */
export function Page({ title, heading, intro, crumbs, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Rapport`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow" style={{ minWidth: 240 }}>
          {crumbs ? (
            <nav className="crumbs" aria-label="breadcrumb">
              {crumbs.map((crumb) => (
                <span key={crumb.to}>
                  <Link to={crumb.to}>{crumb.label}</Link>
                  {' / '}
                </span>
              ))}
            </nav>
          ) : null}
          <h1 className="page-title">{heading ?? title}</h1>
          {intro ? <p className="page-intro">{intro}</p> : null}
        </div>
        {actions ? <div className="row gap-s page-actions">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

interface PanelProps {
  readonly title?: ReactNode;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
  /** Content reaches the edges, as a table does. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

/** A titled surface on a page. */
export function Panel({ title, note, actions, flush, children }: PanelProps) {
  return (
    <section className={flush ? 'panel flush' : 'panel'}>
      {title || actions ? (
        <div className="panel-head">
          <div>
            <h2 className="panel-title">{title}</h2>
            {note ? <div className="panel-note">{note}</div> : null}
          </div>
          {actions ? <div className="row gap-s">{actions}</div> : null}
        </div>
      ) : null}
      {children}
    </section>
  );
}
